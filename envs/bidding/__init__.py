"""Real-time bidding: a campaign with a budget bids in one auction after the other."""

from ..family import Agent, Environment, Episodes, Family

ENVS = "budgetgym.envs.bidding"
BASELINES = "budgetgym.baselines.bidding"
AGENTS = "budgetgym.agents.bidding"

FAMILY = Family(
    name="bidding",
    problem=f"{ENVS}.problem:RealTimeBidding",
    environments={
        "budgetgym/RealTimeBidding-v0": Environment(
            f"{ENVS}.problem:RealTimeBidding", episodes=Episodes(400, 16, {"beam": 4})
        ),
        "budgetgym/BidPacing-v0": Environment(
            f"{ENVS}.problem:RealTimeBidding", {"control": "pacing"}, episodes=Episodes(400, 16, {"beam": 4})
        ),
    },
    agents={
        "constant": Agent(f"{BASELINES}.bidders:Constant", "the same bid in every auction"),
        "random": Agent(f"{BASELINES}.bidders:Random", "a uniform bid"),
        "mcpc": Agent(f"{BASELINES}.bidders:Mcpc", "worth at the largest cost per click, no pacing"),
        "lin": Agent(f"{BASELINES}.bidders:Lin", "in proportion to theta, tuned on training auctions"),
        "ss_mdp": Agent(f"{BASELINES}.bidders:SsMdp", "dynamic programme that is blind to theta"),
        "ortb1": Agent(f"{BASELINES}.ortb:Ortb1", "concave in theta, win curve b / (c + b) (Zhang et al. 2014)"),
        "ortb2": Agent(f"{BASELINES}.ortb:Ortb2", "concave in theta, win curve b^2 / (c^2 + b^2)"),
        "cmdp": Agent(f"{BASELINES}.cmdp:Cmdp", "linear programme, budget in expectation (Du et al. 2017)"),
        "throttle": Agent(f"{BASELINES}.pacing:Throttle", "truthful bids in a share of the auctions"),
        "pid": Agent(f"{BASELINES}.pacing:Pid", "a PID controller of the spend (Zhang et al. 2016)"),
        "adaptive_pacing": Agent(f"{BASELINES}.pacing:AdaptivePacing", "shaded values (Balseiro and Gur 2019)"),
        "dmd": Agent(f"{BASELINES}.descent:DualMirrorDescent", "dual mirror descent on the price of money"),
        "roas_dmd": Agent(f"{BASELINES}.descent:RoasMirrorDescent", "the same, with a limit on what clicks may cost"),
        "shade": Agent(f"{BASELINES}.shading:Shading", "first-price shading by the empirical win curve"),
        "fluid": Agent(f"{BASELINES}.fluid:Fluid", "lookahead in the fluid value, law of theta learnt"),
        "rlb": Agent(f"{AGENTS}.rlb:Rlb", "dynamic programme over average impressions (Cai et al. 2017)"),
        "rlb_pmf": Agent(f"{AGENTS}.rlb:RlbPmf", "dynamic programme over the training law of theta"),
        "rlb_nn": Agent(f"{AGENTS}.rlb_scale:RlbNn", "RLB beyond its table by a network"),
        "rlb_seg": Agent(f"{AGENTS}.rlb_scale:RlbSeg", "RLB segment by segment"),
        "rlb_map_d": Agent(f"{AGENTS}.rlb_scale:RlbMapD", "RLB beyond its table by mapping marginal values"),
        "rlb_map_a": Agent(f"{AGENTS}.rlb_scale:RlbMapA", "RLB beyond its table by mapping actions"),
        "optimal": Agent(f"{AGENTS}.rlb:Optimal", "the exact optimum of a synthetic instance"),
    },
    oracle=f"{BASELINES}.oracle:ORACLE",
    learning=f"{AGENTS}.learning:LEARNING",
    lookahead=f"{AGENTS}.lookahead:LOOKAHEAD",
    drawing=f"{ENVS}.drawing:DRAWING",
    demo=("budgetgym/RealTimeBidding-v0 --budgets c0=1/32,1/8 --agents lin,mcpc,ss_mdp,dmd,rlb,optimal --episodes 300",),
)
