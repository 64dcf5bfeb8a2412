"""Finding faces and the square around them."""
