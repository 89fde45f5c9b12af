"""What a result says about itself: a visible label, an invisible mark, signed credentials, a ledger; and what any file says."""
