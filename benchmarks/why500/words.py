"""What an application is called and what it is about: drawn from the seed, so that no rule can key on a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

_TRADES: Final = {
    "insurance": (["underwriter", "claims_desk", "adjuster", "actuary"], ["find_policy", "open_claims", "price_risk"]),
    "parcels": (["dispatcher", "courier_help", "depot", "customs"], ["locate_parcel", "book_pickup", "next_stop"]),
    "clinic": (["triage", "reception", "pharmacy", "ward_clerk"], ["free_slots", "read_chart", "check_dose"]),
    "library": (["archivist", "lender", "cataloguer", "reader_help"], ["find_shelf", "renew_loan", "list_fines"]),
    "energy": (["meter_desk", "grid_ops", "tariff_help", "outage_desk"], ["read_meter", "tariff_of", "outages_near"]),
    "travel": (["booking", "concierge", "visa_help", "fare_desk"], ["find_fare", "hold_seat", "visa_rules"]),
    "hardware": (["stock_keeper", "sales_help", "returns", "buyer"], ["in_stock", "price_of", "reserve_item"]),
    "farm": (["agronomist", "harvest_plan", "vet_desk", "dairy_help"], ["soil_of", "herd_record", "rain_ahead"]),
}
# For cases that are held out: nothing of what the others are called.
_OTHER_TRADES: Final = {
    "observatory": (["Astronomer", "NightShift", "dome_crew", "archive"], ["point_at", "read_plate", "sky_tonight"]),
    "court": (["Clerk", "bailiff7", "Registry", "interpreter"], ["docket", "schedule_hearing", "findPrecedent"]),
    "bakery": (["Miller", "oven_watch", "counter", "supplier_eu"], ["proof_dough", "oven_state", "order_flour"]),
    "harbour": (["Pilot", "crane_ops", "TideDesk", "lock_keeper"], ["berth_of", "tide_at", "manifest"]),
    "theatre": (["Prompter", "box_office", "StageHand", "wardrobe"], ["seat_map", "cue", "costume_for"]),
}
_OTHER_USERS: Final = ("visitor", "Alice", "frontend", "api_gateway", "cron_job")
_USERS: Final = ("user_proxy", "customer", "web_user", "front_door", "requester")
_MODELS: Final = ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "house-model-large", "qwen2.5-72b-instruct")


class Words:
    """The names of one application.

    Attributes:
        trade: What it is about.
        agents: Names of agents, in random order.
        user: The name of who speaks for the user.
        tools: Names of tools, in random order.
        model: The name of the model.
    """

    def __init__(self, rng: Random, *, hold_out: bool) -> None:
        trades = _OTHER_TRADES if hold_out else _TRADES
        self.trade = rng.choice(sorted(trades))
        agents, tools = trades[self.trade]
        self.agents = rng.sample(agents, len(agents))
        self.user = rng.choice(_OTHER_USERS if hold_out else _USERS)
        self.tools = rng.sample(tools, len(tools))
        self.model = rng.choice(_MODELS)
