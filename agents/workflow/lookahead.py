"""What planners look ahead with in workflow routing."""

from ..planning.lookahead import Lookahead

LOOKAHEAD = Lookahead(
    policy="hedged",
    proposers=("hedged", "cheapest", "strongest", "fastest", "per_dollar", "per_second", "paced", "timed"),
)
