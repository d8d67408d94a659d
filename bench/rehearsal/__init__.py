"""`make rehearsal`: a whole site on a ring of three, under load, while nodes and workers are killed; nothing may be lost.

people → stage (ring, import, fleet) → creators → load, watched by `watching` → ledger (what was lost?) → report.
"""
