"""Seattle's rain, as code of 2022 computes it: it needs pandas 1.5."""

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
    year = days["date"].dt.year.rename("year")
    return days.groupby(year)["precipitation"].sum().rename("rain").reset_index()


@solid
def wet_days_by_year(days: pandas.DataFrame) -> pandas.DataFrame:
    wet = days[days["precipitation"] > 0]
    return wet.groupby(wet["date"].dt.year.rename("year")).size().rename("wet_days").reset_index()


@solid
def summarize(rain: pandas.DataFrame, wet_days: pandas.DataFrame) -> list:
    """A row for each year and one for all: (year, mm of rain, days with rain)."""
    years = rain.merge(wet_days, on="year")
    # DataFrame.append is gone since pandas 2.0.
    table = years.append(years.drop(columns="year").sum(), ignore_index=True)
    table["year"] = [*years["year"].astype(str), "all"]
    table["wet_days"] = table["wet_days"].astype(int)
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
