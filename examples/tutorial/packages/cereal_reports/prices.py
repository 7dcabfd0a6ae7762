"""What the cereals cost."""

#: By the kilogram.
PRICES = {"Bran Sticks": 4.20, "Crisp Rice": 3.10, "Puffed Wheat": 5.60}
