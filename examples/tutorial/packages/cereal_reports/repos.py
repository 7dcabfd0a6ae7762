"""The package's repository; its modules import each other as in any package."""

from hostler.definitions import pipeline, repository, solid

from .prices import PRICES


@solid
def cheapest(context) -> str:
    """The name of the cereal that costs least."""
    name = min(PRICES, key=lambda each: PRICES[each])
    context.log.info("%s costs %.2f", name, PRICES[name])
    return name


@pipeline
def price_pipeline():
    """Finds the cheapest cereal."""
    cheapest()


@repository
def price_repository():
    return [price_pipeline]
