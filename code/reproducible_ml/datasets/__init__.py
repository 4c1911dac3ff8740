"""Tables: get them, check them, clean them, split them."""
