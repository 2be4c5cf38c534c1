"""What planners look ahead with in social-learning steering."""

from ..planning.lookahead import Lookahead

LOOKAHEAD = Lookahead(policy="threshold")
