"""How each broker under test is started and configured."""
