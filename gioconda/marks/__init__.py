"""What a result says about itself: today a visible label; the invisible mark and signed credentials stand beside it later."""
