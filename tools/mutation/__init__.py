"""`make mutation`: whether the tests of pure modules notice a change of one operator, number or condition."""
