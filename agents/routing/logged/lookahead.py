"""What planners look ahead with on replayed routing logs."""

from ...planning.lookahead import Lookahead

LOOKAHEAD = Lookahead(policy="even_spend")
