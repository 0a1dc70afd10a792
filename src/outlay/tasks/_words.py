"""Common words and names for generated questions."""

WORDS = tuple(
    """
    apple anchor basket bridge butter candle carpet castle cherry circle cotton dinner dragon engine feather
    finger flower forest garden glove hammer harbor honey island jacket kettle ladder lemon letter lizard marble
    market meadow mirror monkey mountain needle ocean orange paper pencil pepper pillow planet pocket rabbit
    ribbon river rocket saddle school shadow silver spider spoon squirrel stone strawberry summer sweater table
    temple thunder ticket tiger tomato tunnel turtle umbrella valley violin wagon water whistle willow window
    winter yellow zebra
    """.split()  # noqa: SIM905 (a list of ninety quoted words reads worse)
)
NAMES = ("Ann", "Ben", "Cara", "Dan", "Eva", "Finn", "Gina", "Hugo", "Iris", "Jack")
