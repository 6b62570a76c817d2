"""Groups of vectors: finding, matching and naming them."""
