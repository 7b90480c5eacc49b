"""Orders: conversion, cancelled, signed, refused, delivered, and what they are worth."""

import asyncpg

from acd.config import Config
from acd.reports.orders import DIMENSIONS, orders_report
from acd.reports.report import Report
from acd.reports.request import Request
from acd.storage.order_sums import order_sums

from .cutting import cut_of


async def orders(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return them."""
    cutting, cut = cut_of(request, "orders", DIMENSIONS, ("currency",))
    lines = await order_sums(connection, cutting)
    return orders_report(lines, cut, request.options.get("currency", ""))
