"""The auction as a game: all bidders are agents; see `auction_v0`."""

from ..family import Family

FAMILY = Family(
    name="auction",
    problem="budgetgym.envs.auction.game:AuctionGame",
    drawing="budgetgym.envs.auction.drawing:DRAWING",
    games={"auction_v0": "budgetgym.envs.auction.auction_v0"},
)
