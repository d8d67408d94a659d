"""The sample artists' hands: one module for each, drawing its pictures from a seed and nothing else."""
