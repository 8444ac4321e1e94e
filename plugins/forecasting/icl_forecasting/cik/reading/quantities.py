"""What a series can be: words for quantities, and the concepts that they fall under."""

from __future__ import annotations

from typing import NamedTuple

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.reading.phrases import Table, phrases

_WORDS: dict[str, str] = {
    # words of a measure: they say what kind of number it is, not of what
    "count": """
        number count tally total_number how_many incident case event visit occurrence
        amount_of_incident quantity_of_incident call
    """,
    "percentage": "percentage percent share fraction proportion_of utilisation utilization",
    "rate": "rate",
    "occupancy": "occupancy occupancy_rate road_occupancy bed_occupancy occupied occupy",
    "demand": "demand",
    # energy
    "electricity": """
        electricity electrical electric kilowatt kw kwh megawatt mw mwh kilowatt_hour
        power_consumption power_demand power_usage power_use power_draw energy_demand
        energy_consumption energy_use energy_usage grid_load electric_load power_load
        electrical_load household_load
    """,
    "power": "power wattage power_output generation power_generation power_production",
    "energy": "energy",
    "solar": """
        solar_power photovoltaic pv solar_panel solar_plant solar_energy solar_output solar_farm
    """,
    "wind-power": "wind_power wind_farm wind_turbine wind_energy",
    "irradiance": """
        irradiance irradiation insolation sunlight solar_radiation sun_energy ghi dni dhi radiation
        amount_of_sunlight sunshine solar_flux shortwave_radiation energy_from_the_sun
        energy_of_the_sun light_of_the_sun
    """,
    "sunlight": "sunlight sunshine insolation daylight",
    "global-irradiance": "global_horizontal ghi global_irradiance horizontal_surface global_solar",
    "direct-irradiance": """
        direct_normal dni direct_irradiance direct_beam beam_irradiance perpendicular
    """,
    "diffuse-irradiance": "diffuse dhi diffuse_horizontal diffuse_irradiance indirectly",
    "gas": "natural_gas gas_consumption gas_demand gas_use gas_usage gas",
    "water": "water_consumption water_demand water_use water_usage water_supply",
    # movement
    "traffic": """
        traffic vehicle car road highway freeway motorway lane congestion truck lorry
        road_occupancy carriageway
    """,
    "speed": "speed rpm revolution rotation_speed rotational_speed velocity revs",
    "passenger": "passenger ridership rider commuter boarding_passenger",
    "bicycle": "bicycle bike cyclist cycling",
    "pressure": "pressure pascal kpa hpa mbar psi barometric air_pressure",
    "load": "load duty_cycle",
    "flow": "flow discharge streamflow flow_rate river_flow runoff",
    "level": "water_level river_level gauge_height tide stage_height river_stage",
    # weather
    "temperature": "temperature celsius fahrenheit degree",
    "wind": "wind_speed gust wind",
    "rain": "rain rainfall precipitation snowfall snow",
    "humidity": "humidity",
    "cloud": "cloud cloudiness cloud_cover overcast cloudy",
    "weather": "weather",
    "concentration": "concentration pm10 ozone pollutant no2 particulate pollution co2 smog",
    # money and people
    "withdrawal": "withdrawal cash_withdrawal withdraw transaction payout take_out",
    "cash": """
        cash banknote money atm automated_teller teller_machine cash_machine cash_dispenser
        cashpoint cash_point automatic_teller teller
    """,
    "sale": """
        sale revenue turnover order purchase transaction checkout unit_sold item_sold basket
        takings
    """,
    "price": "price cost fare tariff exchange_rate stock_price share_price",
    "visitor": """
        visitor footfall customer shopper guest attendance tourist patron attendee
        footfall_count admission_ticket pedestrian
    """,
    "patient": """
        patient admission hospitalisation hospitalization emergency_visit emergency_department
        emergency_room consultation infection bed
    """,
    "call": "phone_call call_volume emergency_call phone_in helpline",
    "web": """
        page_view pageview web_traffic website_visit click hit session request web_request
        unique_visitor download server_load
    """,
    "production": "production output_of yield throughput assembly manufactured piece",
    "arrival": "arrival departure flight check_in",
    "parcel": "parcel shipment delivery package",
    "birth": "birth newborn",
    "death": "death fatality mortality",
    "unemployment": "unemployment unemployed jobless joblessness unemployment_rate out_of_work",
    "employment": "employment payroll hiring",
    "inflation": "inflation consumer_price cpi",
    # public safety
    "incident": "incident intervention_of callout call_out emergency",
    "fire": "fire blaze wildfire firefighter_call",
    "rescue": "rescue",
    "water-rescue": """
        water_rescue nautical_rescue drowning boat_rescue swift_water_rescue river_rescue
        nautical_incident nautical rescue_on_water rescue_on_the_water rescue_from_the_water
        rescue_at_sea rescue_in_the_water boating_rescue boating
        marine_rescue sea_rescue distress_on_the_water people_on_the_water
    """,
    "ice-rescue": "ice_rescue rescue_on_ice rescue_on_the_ice rescue_from_the_ice",
    "field-fire": """
        field_fire brush_fire grass_fire vegetation_fire wildfire fire_in_field fire_in_the_field
        fire_on_open_field fire_in_open_field fire_on_field fire_on_the_field fire_in_the_open
        bush_fire meadow_fire
    """,
    "trash-fire": """
        trash_fire garbage_fire rubbish_fire waste_fire bin_fire refuse_fire fire_in_garbage
        fire_in_trash fire_in_rubbish fire_in_waste fire_in_bin fire_of_trash fire_of_garbage
        dumpster_fire container_fire
    """,
    "gas-leak": "gas_leak gas_leakage",
    "accident": "accident collision crash",
    "crime": "crime theft burglary robbery",
}
MEASURES = frozenset({"count", "percentage", "rate", "demand", "level", "energy", "power"})
"""Concepts that say what kind of number it is; two series may share them by accident."""

COUNTED = frozenset(
    """count withdrawal sale visitor patient call web arrival parcel birth death incident fire
    rescue water-rescue ice-rescue field-fire trash-fire gas-leak accident crime passenger bicycle
    """.split()
)
"""Concepts of things that are counted: whole numbers from 0, which add up over time."""

ADDITIVE = COUNTED | frozenset("electricity energy rain production sale gas water".split())
"""Concepts whose values add up over time."""

NON_NEGATIVE = COUNTED | frozenset(
    """percentage occupancy electricity irradiance sunlight solar wind-power power energy traffic
    speed unemployment wind rain humidity concentration cash production flow""".split()
)

FAMILY: dict[str, frozenset[str]] = {
    "withdrawal": frozenset("cash withdrawal".split()),
    "cash": frozenset("cash withdrawal".split()),
    "electricity": frozenset("electricity power energy demand load".split()),
    "solar": frozenset("solar power energy".split()),
    "traffic": frozenset("traffic occupancy".split()),
    "irradiance": frozenset("irradiance sunlight".split()),
    "visitor": frozenset("visitor".split()),
    "fire": frozenset("fire incident".split()),
    "web": frozenset("web traffic visitor".split()),
    "percentage": frozenset("percentage occupancy".split()),
    "occupancy": frozenset("percentage occupancy traffic".split()),
    "passenger": frozenset("passenger visitor".split()),
    "sale": frozenset("sale visitor".split()),
    "flow": frozenset("flow level".split()),
    "rescue": frozenset("rescue incident".split()),
}
"""What else belongs to a quantity, so that a clause about it is about the same thing."""

VENUES: dict[str, str] = {
    "withdrawal": """
        atm machine bank branch building cash dispenser teller lobby premise location site
    """,
    "cash": "atm machine bank branch building cash dispenser teller lobby premise location site",
    "traffic": """
        road highway freeway motorway bridge tunnel street route carriageway lane interchange
    """,
    "visitor": """
        museum park store shop mall centre center gallery venue zoo library building site pool
    """,
    "sale": "store shop outlet mall supermarket restaurant market till branch factory website site",
    "patient": "hospital clinic ward department practice surgery emergency unit",
    "passenger": "station line train tram metro airport bus service terminal",
    "bicycle": "path bridge lane station counter trail",
    "web": "site website server page portal app service platform",
    "electricity": "building plant factory office grid site mill campus facility household works",
    "solar": "plant panel inverter park array site",
    "wind-power": "turbine farm park site",
    "production": "plant factory line mill works machine site",
    "call": "centre center line hotline service",
    "flow": "dam sluice gate weir valve pump",
    "speed": "fan motor machine pump turbine engine line",
    "pressure": "fan pump compressor machine line",
    "power": "plant unit reactor turbine generator station",
    "arrival": "airport port terminal runway station",
    "parcel": "depot warehouse hub centre",
    "water": "plant pump network main",
}
"""Where the counted thing happens: when it is shut, nothing happens."""


class Named(NamedTuple):
    """A word or phrase for a quantity among tokens.

    Args:
        concept: what it falls under.
        first: index of its first token.
        last: index of its last token.
    """

    concept: str
    first: int
    last: int


_TABLE = Table(_WORDS)


def quantities(tokens: tuple[Token, ...]) -> list[Named]:
    """Find the words for quantities among tokens."""
    return [Named(concept, first, last) for concept, first, last, _ in phrases(tokens, _TABLE)]
