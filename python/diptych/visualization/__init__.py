"""Interactive pictures, made of plain data, that work offline."""
