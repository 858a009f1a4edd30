"""Procedural domains: pictures drawn from named factors, without end, at any resolution, with no file on disk."""
