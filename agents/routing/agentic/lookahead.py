"""What planners look ahead with in agentic routing."""

from ...planning.lookahead import Lookahead

LOOKAHEAD = Lookahead(policy="criticality_gated")
