"""How things look in a terminal; decides nothing."""
