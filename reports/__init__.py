"""Stored rows -> tables, plots, rankings, pages and paper figures. Never trains, never imports torch."""
