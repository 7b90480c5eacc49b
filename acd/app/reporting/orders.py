"""Orders: conversion, cancelled, signed, refused, delivered, and what they are worth."""

import asyncpg

from acd.config import Config
from acd.reports.currencies import known_currency
from acd.reports.orders import DIMENSIONS, orders_report
from acd.reports.report import Report
from acd.reports.request import Request, RequestError
from acd.storage.order_sums import order_sums

from .cutting import cut_of


async def orders(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return them."""
    cutting, cut = cut_of(request, "orders", DIMENSIONS, ("currency",))
    try:
        currency = known_currency(request.options.get("currency", ""))
    except ValueError as error:
        raise RequestError(str(error), field="options") from error
    return orders_report(await order_sums(connection, cutting), cut, currency)
