"""The auction as a game: all bidders are agents; see `auction_v0`."""

from ..family import Family

FAMILY = Family(
    name="auction",
    problem="budgetgym.envs.auction.game:AuctionGame",
    games={"auction_v0": "budgetgym.envs.auction.auction_v0"},
)
