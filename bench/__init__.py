"""The engine: what a run is, how it trains, is measured, stored and scheduled."""
