"""Words and phrases of events, changes, limits and causes, with the meanings that rules ask for.

A meaning is a plain name such as "stop" or "rise". Entries are lemmas; "_" joins the words of a
phrase. A word may have several meanings: the rules look at what stands together. Negation is not
part of an entry where the clause tells it ("does not work" is a negated "function").
"""

from __future__ import annotations

from typing import NamedTuple

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.reading.phrases import Table, phrases

_MEANINGS: dict[str, str] = {
    # what an activity or an instrument does
    "stop": """
        stop cease halt suspend suspension discontinue shutdown shut_down shut closure outage
        blackout black_out deplete depletion exhaust exhausted empty emptied run_out ran_out
        run_dry dry_up dried_up out_of_service out_of_order out_of_action out_of_use
        out_of_stock out_of_cash out_of_operation out_of_commission inoperative inoperable
        nonoperational non_operational unavailable unavailability inaccessible offline off_line
        be_off switch_off turn_off power_off powered_off power_down disconnect unplug go_dark
        deactivate decommission standstill stand_still come_to_a_halt grind_to_a_halt
        be_down go_down_for be_idle stand_idle lie_idle sit_idle idled vacate shutter
        board_up downtime lockdown paralyse paralyze sell_out sold_out power_cut
        loss_of_power without_power cut_off cordon_off seal_off seal
    """,
    "go_down": "go_down",
    "close": "close closed closing close_down close_off",
    "nothing": "nothing none nil zero null flatline flat_line fall_silent zero_reading",
    "function": """
        function work operate dispense record report log measure transmit register serve
        run open available accessible functional operational usable count admit accept process
        deliver produce pump sell
    """,
    "open": """
        reopen open opening back_in_service back_in_operation back_online come_back_online
        back_to_normal return_to_normal return_to_service resume resumption restart back_up
        normal_again as_usual_again restore normality
    """,
    "rise": """
        rise increase surge soar jump climb grow growth spike swell go_up boost higher more
        elevated elevate heavier busier greater larger bigger escalate intensify expand rocket
        skyrocket shoot_up uptick upsurge upswing upturn gain inflate step_up ramp_up
        pick_up stronger heighten raise multiply balloon mushroom influx inflow flood rush extra
        additional additionally added add excess excessive exceed above outstrip pour_in record_high
        brighter lift explode explosion double triple quadruple twofold threefold fourfold
        high push_up drive_up up overload
    """,
    "fall": """
        fall drop decrease decline dip plunge plummet sink reduce reduction lower lowered cut
        slump shrink shrinkage go_down dwindle diminish fewer less lighter quieter slash
        contraction ease subside tumble collapse downturn downtick fall_off tail_off
        taper weaken weaker slower scarcer thinner smaller shortfall suppress
        depress dampen curtail curb lessen deflate recede wane nosedive nose_dive below
        scale_back scale_down trim come_down bring_down dimmer darker sluggish halve half_empty
        emptier calmer thin_out stay_at_home quiet light
        low push_down drive_down down lose loss deplete
    """,
    "eradicate": """
        eradicate eliminate put_an_end put_a_stop put_an_immediate_end end wipe_out get_rid rid
        abolish stamp_out
    """,
    "usual": """
        usual usually normal normally typical typically average ordinary ordinarily baseline
        customary customarily standard regular regularly expect expected everyday otherwise
        common commonly routine
    """,
    "same": """
        unchanged unaffected stay_the_same remain_the_same as_usual as_normal business_as_usual
        no_change no_effect no_impact no_influence no_difference without_effect no_bearing
        no_consequence undisturbed untouched unscathed unimpaired operate_normally run_normally
        nothing_to_do
    """,
    "affect": "affect change influence impact alter disrupt touch concern matter",
    # what may be wrong with a measurement
    "fault": """
        maintenance malfunction miscalibration miscalibrate calibration misconfiguration faulty
        fault glitch defect defective error erroneous erroneously erratic bug broken fail failure
        misread misreading false falsely artefact artifact corrupt corrupted corruption
        spurious spuriously distort distortion technical_issue technical_problem
        technical_difficulty inspection servicing hiccup wrong wrongly incorrect incorrectly
        inaccurate inaccurately overstate understate over_report under_report overcount undercount
        double_count misalign misaligned contaminate unreliable anomaly anomalous
        damaged uncalibrated out_of_calibration breakdown break_down interference
        repair_work service_visit blocked_lens loose_cable wiring bias biased
        misbehave mis_calibrate mis_calibrated calibrate out_of_adjustment
    """,
    "instrument": """
        sensor meter detector counter logger gauge probe recorder instrument device monitor camera
        station apparatus equipment transmitter thermometer barometer anemometer tachometer
        transducer scale pyranometer data_logger turnstile collector telemetry system server till
        register machine unit terminal beam loop feed
    """,
    "record": """
        reading measurement datum data record dataset series value figure number recording log
        observation count level output amount volume total
    """,
    "drift": """
        drift additive_trend linear_trend trend creep accumulate accumulation gradual_offset
        accrue steady_trend increasing_offset growing_offset growing_error increasing_error
        grow_steadily
    """,
    "offset": "offset constant_shift shift constant_bias bias too_high too_low too_much too_many",
    "spikes": """
        spike spiky outlier false_peak isolated_peak burst extreme_value phantom stray_reading
        phantom_reading blip sudden_jump
    """,
    "repair": """
        repair fix resolve rectify remedy restore recalibrate replace mend cure patch
        disappear vanish remove be_over is_over put_right overhaul swap_out complete
        conclude correct eliminate sort_out clear_up service finish end
        reset solve
    """,
    "again": """
        again recur recurrence reoccur repeat happen_again come_back return anew once_more
        in_the_future in_future going_forward from_now_on henceforth hereafter ahead any_more
        anymore no_longer any_longer further
    """,
    "go_on": """
        continue persist carry_on go_on remain keep still ongoing on_going likewise as_before
        recur
    """,
    "once": """
        one_off one_time once_only isolated_incident isolated_event exceptional never_again
        unlikely_to_recur unlikely_to_happen
    """,
    # what was said before does not hold
    "cancel": """
        cancel cancellation call_off scrap abandon rescind revoke overturn retract withdraw shelve
        no_longer_plan no_longer_expect no_longer_take no_longer_go no_longer_happen false_alarm
        unfounded untrue hoax avert avoid refute debunk prevent fall_through
        drop_the_plan reverse rule_out off_the_table reject deny dismiss void invalid obsolete
        out_of_date no_longer_true no_longer_valid not_true come_to_nothing overrule
    """,
    "occur": """
        happen occur take_place go_ahead materialise materialize come_about proceed go_through
        come_true come
    """,
    "postpone": "postpone delay defer push_back put_off reschedule move bring_forward rearrange",
    "supersede": """
        contrary_to instead rather_than correction update revise revision turn_out supersede
        in_fact actually override amend however but new_information latest corrected
    """,
    "former": """
        earlier_report earlier_forecast earlier_version previous_report previous_statement
        initially originally initial_report previously_announce first_announce earlier_announce
        had_be_plan had_be_expect previously_report previously_expect previously_plan
        earlier_estimate initial_estimate first_think originally_plan at_first first_say
        first_announced first_expected first_plan first_report earlier_it initially_thought
        it_was_said be_say_earlier say_earlier first_believe once_think originally_expect
        original_plan original_announcement first_draft
    """,
    # how things hang together
    "cause": """
        cause lead result trigger bring_about drive produce because due owing thanks therefore
        hence consequently as_a_result as_a_consequence consequence give_rise make
        translate_into mean_that so thus accordingly prompt induce spark force responsible
        owe result_of
    """,
    "association": """
        correlate correlation association associated associate co_occur cooccur co_occurrence
        go_hand_in_hand hand_in_hand coincide move_together move_in_step in_tandem together
        common_cause confound confounder confounding causation in_lockstep side_by_side
        covary co_vary co_move statistical_link statistically_link in_parallel mirror
        link_between relationship_between at_the_same_time_as tend_to
    """,
    "plan": """
        plan implement introduce prohibition prohibit ban outlaw policy campaign
        regulation restriction restrict forbid bylaw by_law legislation enact enforce mandate
        programme program initiative crackdown intervention curfew decree impose oblige roll_out
        set_up launch measure
    """,
    "ban": "prohibition prohibit ban outlaw forbid forbidden illegal",
    "intend": """
        determined want hope aim goal intend intention intent try attempt aspire promise
        seek wish vow pledge ambition keen eager strive objective dream hop commit resolved
        resolve_to aspiration
    """,
    "claim": """
        claim allege believe opinion rumour rumor speculate speculation reckon convinced
        certain confident guarantee insist bet swear think gossip unconfirmed unverified boast
        assure sure bulletproof foolproof suspect guess undoubtedly definitely
    """,
    "advice": """
        advise advice encourage urge recommend recommendation remind remember call_on tip
        should
    """,
    # limits
    "at_most": """
        at_most no_more_than no_higher_than no_greater_than no_larger_than not_exceed never_exceed
        cannot_exceed not_above never_above not_surpass never_surpass cap capped ceiling
        upper_bound upper_limit maximum max up_to bounded_above bounded_from_above bound_above
        bound_from_above capacity less_than_or_equal top_out limit_to limited_to restrict_to
        restricted_to at_or_below or_less or_fewer or_lower no_greater maximal not_beyond
        never_go_beyond upper_end highest_possible largest_possible biggest_possible
        largest_value highest_value
    """,
    "at_least": """
        at_least no_less_than no_lower_than no_fewer_than no_smaller_than not_below never_below
        cannot_fall_below cannot_drop_below cannot_go_below floor lower_bound lower_limit minimum
        min bounded_below bounded_from_below bound_below bound_from_below not_under never_under
        greater_than_or_equal bottom_out at_or_above or_more or_higher or_greater minimal
        lower_end lowest_possible smallest_possible least_possible smallest_value lowest_value
    """,
    "exceed": "exceed above over surpass beyond higher rise climb greater more top larger past",
    "undercut": "below under fall drop dip sink lower less decline fewer smaller undercut",
    "stay": "stay remain keep hold must lie restrict limit bound constrain confine clip",
    "within": "between within range interval inside",
    "limit": """
        limit bound bounded constrain constrained constraint restrict cap capped floor ceiling
        threshold minimum maximum min max range cannot never must always clip physically
        impossible saturate allowed permit permissible possible
    """,
    # laws
    "proportional": "proportional proportionally proportion scale_with proportionate",
    "linear": "linear linearly straight_line affine",
    "square": "square squared quadratic quadratically second_power",
    "cube": "cube cubed cubic third_power cubically",
    "root": "square_root",
    "inverse": """
        inversely inverse opposite_direction negatively anti_correlate reciprocal
        negative_relationship opposite
    """,
    "fan_law": "affinity_law fan_law pump_law fan_affinity_law affinity bernoulli",
    "depend": """
        depend dependent determine govern control drive function_of respond follow track
        proportional relate scale vary grow increase rise
    """,
    # comparison and reference
    "elsewhere": """
        elsewhere another_city another_town another_region another_country another_district
        another_store another_shop another_branch another_site another_location another_place
        another_plant other_city other_town other_region other_country neighbouring neighboring
        nearby adjacent different_city different_town different_location different_store
        different_region different_branch different_site other_store other_shop other_branch
        other_site other_location other_district other_part another_part different_part next_town
        another_hospital another_station another_facility another_building different_building
        other_building another_province another_state another_machine other_machine another_atm
        other_atm another_sensor other_sensor different_sensor another_road another_highway
        other_road another_river another_factory sister_site sister_plant sister_store
        another_county other_county different_county another_state unrelated
    """,
    "reference": """
        reference compare comparison comparable similar similarly same_period same_location
        same_place same_day clear_sky clearsky cloudless ideal theoretical without_cloud
        no_cloud cloud_free
    """,
    "similar": "similar like resemble comparable alike same identical as_on as_if",
    # calendar
    "holiday": """
        holiday public_holiday bank_holiday national_holiday federal_holiday festive_day day_off
        statutory_holiday non_working_day rest_day feast holidays
    """,
    "strike": "strike walkout walk_out industrial_action stoppage",
    "busiest": """
        busiest peak most highest largest greatest maximum heaviest top maximal biggest
        strongest max culminate culmination zenith highest_point maxima
    """,
    "quietest": """
        quietest least fewest lowest smallest minimum trough lightest weakest slackest minimal
        calmest min nadir lowest_point
    """,
    "begin": """
        begin start commence onset kick_off set_in come_into_force take_effect hit arrive strike
        break_out get_under_way go_live first
    """,
    "end": """
        end over gone finish conclude subside abate cease stop break lift pass reopen die_down clear
        clear_up expire resume return turn come_to_an_end later end_of last_until repair fix refill
        restore last
    """,
}
_BARE = frozenset({"high", "low", "up", "down", "more", "less", "above", "below", "add", "lose"})
"""Words that change nothing without a number or a comparison."""


class Mark(NamedTuple):
    """A phrase of the lexicon in a row of tokens.

    Args:
        meaning: its name.
        first: index of its first token.
        last: index of its last token.
        bare: the word alone does not claim a change.
    """

    meaning: str
    first: int
    last: int
    bare: bool = False


_TABLE = Table(_MEANINGS)


def marks(tokens: tuple[Token, ...]) -> list[Mark]:
    """Find all phrases of the lexicon in the tokens of a clause."""
    return [
        Mark(meaning, first, last, count == 1 and tokens[first].lower in _BARE)
        for meaning, first, last, count in phrases(tokens, _TABLE)
    ]
