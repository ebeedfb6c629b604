"""The page "Sensitivity": placeholder until its parts stand."""
