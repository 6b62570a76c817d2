"""How models, under personas and framings, approve of statements, cluster by cluster."""
