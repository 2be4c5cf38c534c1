"""Closed-form bidders, value tables and bounds for `RealTimeBidding`."""
