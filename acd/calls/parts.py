"""The parts of a call centre, each made with those that it works with.

Nothing but the joining is here: which part needs which others can be read off its arguments, and
what it does with them stands in its own file.
"""

from collections.abc import Callable
from datetime import datetime

from acd.ivr.book import FlowBook
from acd.routing.router import Router

from .arrival import Arrival
from .call_table import CallTable
from .calling_back import CallBacks
from .codes import Codes
from .contacts import Contacts
from .desk import Desk
from .desk_login import DeskLogins
from .duration import DurationLimit
from .effects import Effects
from .ending import Ending
from .engagement import Engagement
from .flowing import Flowing
from .hearing import Hearing
from .holding import Holding
from .host import Host
from .leg_events import LegEvents
from .onward import Onward
from .outbound import Outbound
from .own_calls import OwnCalls
from .parting import Parting
from .ports import Certificates
from .queueing import Queueing
from .replacing import Replacing
from .settings import CentreSettings
from .steering import Steering
from .transfer import Transfers
from .transferring import Transferring


class Parts:
    """Made in the order in which they need each other; all share one list of effects."""

    def __init__(
        self,
        host: Host,
        *,
        router: Router,
        flows: FlowBook,
        settings: CentreSettings,
        new_id: Callable[[], str],
        wall: Callable[[], datetime],
        certificates: Certificates,
    ) -> None:
        """`host` is the call centre itself, as its parts know it."""
        self._host, self._settings = host, settings
        self._router, self._new_id, self._wall = router, new_id, wall
        self.effects: Effects = []
        self.table = CallTable()
        self._make_floor(certificates)
        self._make_hearing_and_flows(flows)
        self._make_hand_overs()
        self._make_ends()
        self._make_ways_out_of_the_line()
        self._make_agents_own_calls()
        self._make_begin()
        self._make_leg_events()

    def _make_floor(self, certificates: Certificates) -> None:
        settings, wall = self._settings, self._wall
        self.desk = Desk(
            self._router,
            self.effects,
            login_at_registration=settings.login_at_registration,
            devices=settings.devices,
            wall=wall,
            certificates=certificates,
            contacts=Contacts(kept_s=settings.contacts_kept_s, maximum=settings.contacts_kept),
        )
        self.hearing = Hearing(self.effects, settings.max_ringing)
        self.queueing = Queueing(
            self._router,
            self.desk,
            self.effects,
            self._host,
            self.hearing,
            self.table,
            self._new_id,
            lambda: wall().timestamp(),
        )
        self.engagement = Engagement(self._router, self.queueing)
        self.steering = Steering(self.table, self.effects, self._router, self.desk, self.queueing)
        self.codes = Codes(self._router, self.desk, self.queueing, settings.prompts)

    def _make_hearing_and_flows(self, flows: FlowBook) -> None:
        self.outbound = Outbound(
            table=self.table,
            effects=self.effects,
            router=self._router,
            desk=self.desk,
            hearing=self.hearing,
            queueing=self.queueing,
            engagement=self.engagement,
            new_id=self._new_id,
        )
        music = self._settings.prompts.hold_music
        self.holding = Holding(self.effects, self.hearing, self.queueing, self.outbound, music)
        self.flowing = Flowing(
            flows, self.effects, self._host, self.hearing, self._wall, self.table.deadlines
        )
        self.desk_logins = DeskLogins(
            table=self.table,
            effects=self.effects,
            host=self._host,
            hearing=self.hearing,
            desk=self.desk,
            engagement=self.engagement,
            prompts=self._settings.prompts,
        )

    def _make_hand_overs(self) -> None:
        parting = Parting(
            table=self.table,
            effects=self.effects,
            hearing=self.hearing,
            queueing=self.queueing,
            outbound=self.outbound,
            engagement=self.engagement,
        )
        self.transfers = Transfers(self.effects, parting, self._new_id, self.table.deadlines)
        self.replacing = Replacing(
            table=self.table,
            effects=self.effects,
            desk=self.desk,
            router=self._router,
            queueing=self.queueing,
            holding=self.holding,
            transfers=self.transfers,
        )

    def _make_ends(self) -> None:
        self.ending = Ending(
            table=self.table,
            effects=self.effects,
            host=self._host,
            hearing=self.hearing,
            flowing=self.flowing,
            queueing=self.queueing,
            codes=self.codes,
            outbound=self.outbound,
            engagement=self.engagement,
            transfers=self.transfers,
            replacing=self.replacing,
        )
        self.durations = DurationLimit(self.table, self._host, self._settings.max_call_s)

    def _make_ways_out_of_the_line(self) -> None:
        self.call_backs = CallBacks(
            table=self.table,
            effects=self.effects,
            host=self._host,
            router=self._router,
            queueing=self.queueing,
            hearing=self.hearing,
            outbound=self.outbound,
            settings=self._settings,
            new_id=self._new_id,
            wall=self._wall,
        )
        self.onward = Onward(
            table=self.table,
            hearing=self.hearing,
            flowing=self.flowing,
            queueing=self.queueing,
            ending=self.ending,
            call_backs=self.call_backs,
            prompts=self._settings.prompts,
        )

    def _make_agents_own_calls(self) -> None:
        self.own_calls = OwnCalls(
            table=self.table,
            effects=self.effects,
            host=self._host,
            settings=self._settings,
            desk=self.desk,
            hearing=self.hearing,
            outbound=self.outbound,
            engagement=self.engagement,
            new_id=self._new_id,
        )
        self.transferring = Transferring(
            table=self.table,
            effects=self.effects,
            host=self._host,
            desk=self.desk,
            router=self._router,
            hearing=self.hearing,
            flowing=self.flowing,
            queueing=self.queueing,
            outbound=self.outbound,
            own_calls=self.own_calls,
            holding=self.holding,
            transfers=self.transfers,
        )

    def _make_begin(self) -> None:
        self.arrival = Arrival(
            table=self.table,
            effects=self.effects,
            host=self._host,
            settings=self._settings,
            desk=self.desk,
            hearing=self.hearing,
            flowing=self.flowing,
            queueing=self.queueing,
            codes=self.codes,
            own_calls=self.own_calls,
            outbound=self.outbound,
            transferring=self.transferring,
            replacing=self.replacing,
            engagement=self.engagement,
            desk_logins=self.desk_logins,
            call_backs=self.call_backs,
            new_id=self._new_id,
        )

    def _make_leg_events(self) -> None:
        self.leg_events = LegEvents(
            table=self.table,
            effects=self.effects,
            host=self._host,
            hearing=self.hearing,
            arrival=self.arrival,
            flowing=self.flowing,
            queueing=self.queueing,
            outbound=self.outbound,
            own_calls=self.own_calls,
            holding=self.holding,
            transfers=self.transfers,
            replacing=self.replacing,
            ending=self.ending,
            onward=self.onward,
            desk_logins=self.desk_logins,
            call_backs=self.call_backs,
        )
