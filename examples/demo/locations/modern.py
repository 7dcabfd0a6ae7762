"""Seattle's rain, as code of today computes it: it needs pandas 3."""

import platform

import pandas
from vega_datasets import data

from hostler.definitions import pipeline, repository, solid


@solid
def read_days(context) -> pandas.DataFrame:
    """Four years of weather, a row for each day; the file is part of vega_datasets."""
    days = pandas.read_csv(data.seattle_weather.filepath, parse_dates=["date"])
    context.log.info("pandas %s on Python %s", pandas.__version__, platform.python_version())
    context.log.info("%d days; dtype of 'weather': %s", len(days), days["weather"].dtype)
    return days


@solid
def rain_by_year(days: pandas.DataFrame) -> pandas.DataFrame:
    # The alias YE is there since pandas 2.2.
    rain = days.resample("YE", on="date")["precipitation"].sum()
    return pandas.DataFrame({"year": rain.index.year, "rain": rain.to_numpy()})


@solid
def wet_days_by_year(days: pandas.DataFrame) -> pandas.DataFrame:
    # pandas.col is there since pandas 3.0.
    wet = days[pandas.col("precipitation") > 0].assign(year=pandas.col("date").dt.year)
    return wet.groupby("year", as_index=False).agg(wet_days=("date", "size"))


@solid
def summarize(rain: pandas.DataFrame, wet_days: pandas.DataFrame) -> list:
    """A row for each year and one for all: (year, mm of rain, days with rain)."""
    years = rain.merge(wet_days, on="year").assign(year=pandas.col("year").astype("str"))
    total = years[["rain", "wet_days"]].sum().to_frame().T.assign(year="all")
    table = pandas.concat([years, total]).astype({"wet_days": "int64"})
    print(table.to_string(index=False))
    return [(row.year, round(row.rain, 1), row.wet_days) for row in table.itertuples()]


@pipeline
def seattle_rain():
    """Rain in Seattle, year by year."""
    days = read_days()
    summarize(rain_by_year(days), wet_days_by_year(days))


@repository
def weather():
    return [seattle_rain]
