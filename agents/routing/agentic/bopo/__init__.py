"""BoPO: boundary-guided training of budget-aware routers (arXiv:2602.21227)."""
