"""The cases of the ordeal: what is done, and the tests that do it. A case that does not apply says why.

There is one retailer per deployment: where others say tenant, read key or store. Tests are named below `tests/`; where
one stands for many (`[…]`), all of them are run.
"""

from typing import NamedTuple

FAILPOINTS = "ordeal/test_failpoints.py"
CONNECTIONS = "ordeal/test_connections.py"
NEMESIS = "ordeal/test_nemesis.py"
RUSH = "ordeal/test_rush.py"
ABUSE = "ordeal/test_abuse.py"
FUZZ = "ordeal/test_fuzz.py"
FORMS = "ordeal/test_forms.py"
OUTSIDE = "workers/test_outside.py"
HOLDING = "service/test_holding.py"
STEPS = "service/test_steps.py"
STOCK = "service/test_stock.py"
ENDPOINTS = "service/api/test_endpoints.py"
WORKER = "workers/test_worker.py"
SENDING = "workers/test_notifications.py"
RECEIPTS = "service/test_receipts.py"
SIGNATURES = "service/test_signatures.py"
CALLBACKS = "workers/test_callbacks.py"
ATTEMPTS = "service/test_attempts.py"
CHECKS = "service/test_checks.py"
CLERKS = "service/api/test_clerks.py"
DEVICES = "service/api/test_devices.py"
ROLLING = "service/test_rolling.py"
WEBHOOKS = "workers/test_webhooks.py"

_API_DIES = "test_an_api_dies_and_the_same_key_finds_one_effect"
_WORKER_DIES = "test_a_worker_dies_and_each_message_goes_out_once"


class Case(NamedTuple):
    """One case: its number, what is done, by which tests; or why it does not apply."""

    number: int
    done: str
    tests: tuple[str, ...] = ()
    reason: str = ""  # why it does not apply, or what of it does not


def case(number: int, done: str, *tests: tuple[str, ...], reason: str = "") -> Case:
    """Write a case: each of `tests` is a file and the names of tests in it."""
    return Case(number, done, tuple(f"tests/{file}::{name}" for file, *names in tests for name in names), reason)


CASES = (
    # Stock
    case(
        1,
        "200 at once after the last item, by two APIs",
        (RUSH, "test_the_last_item_goes_to_one_of_two_hundred"),
        (HOLDING, "test_the_last_item_goes_to_one_shopper", "test_five_hundred_shoppers_share_a_hundred_units"),
    ),
    case(2, "5 000 holds of 500 units over 64 connections", (RUSH, "test_five_thousand_holds_of_five_hundred_units")),
    case(
        3,
        "baskets [A, B] and [B, A] in turn",
        (RUSH, "test_crossing_baskets_over_two_apis"),
        (HOLDING, "test_crossing_baskets_never_deadlock"),
        (STEPS, "test_holding_against_collecting_on_the_same_position_never_deadlocks"),
    ),
    case(4, "a basket with one line that is gone", (HOLDING, "test_a_basket_with_one_short_line_changes_nothing")),
    case(
        5,
        "expiry against confirmation, lapse against handover, two tablets, at one instant",
        (STEPS, "test_confirm_against_expiry_at_the_same_instant", "test_collect_against_lapse_at_the_same_instant"),
        (STEPS, "test_two_tablets_hand_over_once"),
    ),
    case(
        6,
        "four sweepers at once over holds whose time is up",
        (STEPS, "test_four_sweepers_at_once_expire_each_hold_once"),
        (STEPS, "test_two_sweepers_never_have_the_same_hold_in_hand"),
        ("workers/test_clocks.py", "test_four_at_once_do_everything_once"),
    ),
    case(
        7,
        "a count below what is reserved, told twice; counts and movements at the same time",
        (STOCK, "test_a_count_below_what_is_reserved_raises_a_shortfall_once"),
        (STOCK, "test_the_same_count_again_changes_nothing"),
        (STOCK, "test_counts_and_sales_in_crossing_order_neither_block_each_other_nor_lose_a_unit"),
        (STOCK, "test_the_same_movement_told_by_many_at_once_is_recorded_once"),
    ),
    # Idempotency
    case(
        8,
        "the same key and body 50 times at once",
        (HOLDING, "test_the_same_key_fifty_times_at_once_is_one_reservation"),
        (ENDPOINTS, "test_fifty_at_once_are_one_effect"),
        ("service/api/test_reservations.py", "test_the_same_key_gives_the_first_answer_byte_for_byte"),
    ),
    case(9, "the same key, another body", (ENDPOINTS, "test_another_body_under_the_same_key_is_refused")),
    case(
        10,
        "no key, an empty, long, unprintable, quoted key",
        (ENDPOINTS, "test_a_key_that_is_none_is_refused", "test_a_missing_key_is_refused_where_it_is_required_only"),
        (ENDPOINTS, "test_a_quoted_key_is_the_bare_one"),
    ),
    case(11, "another caller's key of the same name", (ENDPOINTS, "test_a_key_is_good_for_one_address_and_one_caller")),
    case(
        12,
        "the answer is cut off after the commit",
        (CONNECTIONS, "test_an_answer_cut_between_api_and_caller_is_found_again"),
        (ENDPOINTS, "test_an_answer_lost_on_the_way_is_found_again"),
    ),
    # Death
    case(
        13,
        "SIGKILL of the API after it wrote, before it committed",
        (FAILPOINTS, *(f"{_API_DIES}[{place}]" for place in ("hold_asked", "step_locked", "step_written"))),
        (FAILPOINTS, *(f"{_API_DIES}[{place}]" for place in ("once_written", "once_kept", "due_expired"))),
        (FAILPOINTS, "test_an_api_dies_during_an_import_and_the_file_is_sent_again"),
    ),
    case(
        14,
        "SIGKILL of the API between commit and answer",
        (FAILPOINTS, *(f"{_API_DIES}[{place}]" for place in ("hold_committed", "once_committed", "refusal_decided"))),
    ),
    case(
        15,
        "SIGKILL of the worker after the carrier took the message",
        (FAILPOINTS, f"{_WORKER_DIES}[message_taken]", f"{_WORKER_DIES}[message_recorded]"),
        (WORKER, "test_killed_between_handing_over_and_recording_it_sends_once_more_the_same"),
        (SENDING, "test_a_doubt_is_cleared_by_asking_where_the_carrier_can_tell"),
        (SENDING, "test_where_nobody_can_tell_it_is_sent_once_more_and_the_same"),
    ),
    case(
        16,
        "SIGKILL of the worker after the claim, before the carrier; a sender that stands still beyond its lease",
        (FAILPOINTS, f"{_WORKER_DIES}[message_claimed]", f"{_WORKER_DIES}[message_begun]"),
        (FAILPOINTS, "test_a_worker_that_stood_still_beyond_its_lease_does_no_harm"),
        (SENDING, "test_who_stood_still_after_the_beginning_leaves_it_to_others"),
    ),
    case(
        17,
        "SIGKILL of the relay before and after it committed; of a webhook's sender",
        (FAILPOINTS, *(f"{_WORKER_DIES}[events_{what}]" for what in ("placed", "owed", "relayed"))),
        (FAILPOINTS, f"{_WORKER_DIES}[clock_struck]"),
        (FAILPOINTS, "test_a_worker_dies_and_each_webhook_arrives_under_its_id"),
        reason="no queue stands between relay and sender: what the relay writes are the rows that senders claim",
    ),
    case(
        18,
        "the nemesis: two APIs, two workers, 50 customers a second, everything breaks",
        (NEMESIS, "test_every_acknowledged_reservation_exists_as_it_was_acknowledged"),
        (NEMESIS, "test_callers_heard_nothing_worse_than_come_again", "test_every_message_went_out_once"),
        (NEMESIS, "test_every_confirmed_order_was_told_so", "test_the_ledger_is_clean"),
        (NEMESIS, "test_each_position_can_have_happened_one_after_the_other"),
        ("demo/test_survival.py", "test_nothing_acknowledged_is_lost_and_nothing_is_told_twice"),
    ),
    case(
        19,
        "SIGTERM under way",
        ("service/test_processes.py", "test_a_request_under_way_is_finished_before_the_end"),
        (ROLLING, "test_a_process_that_stops_under_load_says_so_first_and_cuts_nobody_off"),
        (ROLLING, "test_while_it_drains_every_answer_closes_its_connection"),
        (WORKER, "test_sigterm_during_a_sending_finishes_it"),
        (WEBHOOKS, "test_sigterm_during_a_sending_finishes_it"),
    ),
    case(
        20,
        "work that always fails",
        (
            WEBHOOKS,
            "test_each_attempt_waits_longer_and_the_tenth_is_the_last",
            "test_a_slow_endpoint_holds_up_no_other",
        ),
        (SENDING, "test_a_carrier_that_breaks_leaves_a_doubt_and_holds_up_nobody"),
        (SENDING, "test_a_store_that_breaks_holds_up_no_other"),
        ("workers/test_rounds.py", "test_failing_work_is_tried_again_ever_later_and_said_ever_more_rarely"),
        (FAILPOINTS, "test_what_nobody_expected_is_survived"),
    ),
    case(
        21,
        "a job that the worker does not know",
        (RUSH, "test_a_job_that_nobody_knows_harms_nobody"),
        reason="jobs are wake-ups without content: what is dropped is found by the next round, in PostgreSQL",
    ),
    # Redis, PostgreSQL, network, clock
    case(22, "FLUSHALL twice while messages go out", (WORKER, "test_redis_wiped_twice_loses_and_doubles_nothing")),
    case(
        23,
        "Redis absent, stopped, back; lagging, swallowing, cut",
        (WORKER, "test_redis_absent_stopped_and_back_is_noted_and_nothing_more"),
        (CONNECTIONS, "test_redis_that_breaks_lags_and_swallows_changes_nothing"),
        reason="the API never talks to Redis on the way to an answer",
    ),
    case(24, "a Redis that is full, under an API and a worker", (RUSH, "test_a_redis_that_is_full_changes_nothing")),
    case(
        25,
        "PostgreSQL ends every connection; restarted at once under load (in 18)",
        (CONNECTIONS, "test_when_postgres_ends_every_connection_callers_hear_503_and_acknowledged_holds_are_there"),
        (WORKER, "test_it_waits_for_postgres_and_comes_back_with_it"),
    ),
    case(
        26,
        "the outcome of a commit is lost, before and after it happened",
        (CONNECTIONS, "test_when_postgres_does_not_say_whether_it_committed_the_same_key_tells"),
        (CONNECTIONS, "test_a_step_whose_commit_is_lost_is_taken_once"),
    ),
    case(
        27,
        "PostgreSQL lags, then swallows everything for 30 s",
        (CONNECTIONS, "test_a_postgres_that_swallows_everything_is_answered_for_within_five_seconds"),
        ("service/api/test_health.py", "test_without_postgresql_answers_come_within_five_seconds_and_recover"),
    ),
    case(
        28,
        "an API five minutes fast, a worker ten minutes slow (also in 18), one ten fast; who reads a clock at all",
        ("ordeal/test_clocks.py", "test_wrong_clocks_release_no_hold_early_late_or_twice"),
        (NEMESIS, "test_no_wrong_clock_released_a_hold"),
        (RUSH, "test_nobody_asks_the_machine_what_time_it_is"),
    ),
    # Messages and webhooks
    case(
        29,
        "a carrier that falters, then is well",
        (SENDING, "test_sixty_mails_through_a_server_that_falters_arrive_once_each"),
        (SENDING, "test_a_busy_carrier_is_asked_again"),
        (CONNECTIONS, "test_a_carrier_whose_answers_get_lost_gets_each_message_under_one_name"),
    ),
    case(
        30,
        "a number that does not exist; STOP; the message goes another way",
        (SENDING, "test_a_refusal_is_final"),
        (RECEIPTS, "test_what_is_reported_as_failed_falls_back_once", "test_who_complains_is_written_to_no_more"),
        (CALLBACKS, "test_stop_opts_out_and_is_confirmed_once", "test_start_takes_it_back"),
    ),
    case(
        31,
        "a carrier's reports out of order, three times each, before their message and of nobody's",
        (RECEIPTS, "test_shuffled_and_said_three_times_the_furthest_one_counts"),
        (RECEIPTS, "test_a_receipt_clears_a_doubt", "test_a_report_of_nobody_s_message_changes_nothing"),
        (CALLBACKS, "test_a_receipt_that_comes_before_its_message_is_known_waits_for_it"),
        ("service/api/test_callbacks.py", "test_the_same_callback_again_is_welcome_and_kept_once"),
    ),
    case(
        32,
        "reports forged: a byte changed, no signature, an old one, another Host",
        (SIGNATURES, "test_twilio_s_vectors_hold_no_longer_when_anything_is_changed"),
        (SIGNATURES, "test_sendgrid_s_vector_holds_no_longer_when_anything_is_changed"),
        (SIGNATURES, "test_what_sendgrid_signed_long_ago_is_a_replay"),
        (SIGNATURES, "test_what_sns_signs_holds_no_longer_when_anything_is_changed"),
        ("service/api/test_callbacks.py", "test_whatever_is_changed_it_is_refused_in_the_same_words"),
        ("service/api/test_callbacks.py", "test_a_false_host_changes_nothing"),
    ),
    case(
        33,
        "an endpoint that fails three times, redirects, wants rest, is gone; secrets rotate; replay",
        (WEBHOOKS, "test_three_failures_and_a_success_are_one_message", "test_while_a_secret_changes_both_verify"),
        (WEBHOOKS, "test_a_redirect_is_not_followed", "test_who_asks_for_rest_is_left_alone"),
        (WEBHOOKS, "test_who_is_gone_is_sent_nothing_more_and_the_owner_is_told"),
        (WEBHOOKS, "test_a_replay_sends_the_same_again"),
        (WEBHOOKS, "test_a_cloudevent_is_the_same_bytes_at_every_attempt_whatever_changes_meanwhile"),
    ),
    case(
        34,
        "webhooks to addresses of the inside, spelled in every way",
        ("service/api/test_webhooks.py", "test_an_address_inside_is_refused"),
        (OUTSIDE, "test_an_address_inside_is_never_asked", "test_a_name_that_leads_inside_is_never_asked"),
        (OUTSIDE, "test_a_name_that_turns_inside_is_noticed_at_the_next_attempt", "test_a_redirect_leads_nowhere"),
    ),
    # Abuse
    case(
        35,
        "every route without a key, with a wrong one, of another store; a route without a scope",
        ("service/api/test_access.py", "test_nobody_gets_in", "test_nonsense_gets_in_nowhere"),
        ("service/api/test_access.py", "test_the_wrong_scope_is_told_the_right_one"),
        ("service/api/test_access.py", "test_another_store_is_no_more_there_than_one_that_does_not_exist"),
        ("service/api/test_access.py", "test_a_route_without_a_scope_does_not_start"),
    ),
    case(
        36,
        "pickup codes guessed, by one device and by twenty",
        (ATTEMPTS, "test_ten_wrong_pickup_codes_stop_a_device_until_the_window_is_over"),
        (ATTEMPTS, "test_many_guesses_at_once_are_counted_each"),
        (ATTEMPTS, "test_codes_are_not_tried_out_by_searching_and_what_is_no_code_is_searched_as_ever"),
        (ATTEMPTS, "test_attempts_whose_process_died_stop_nobody_for_long"),
        (ATTEMPTS, "test_twenty_devices_that_guess_raise_their_store_s_alarm"),
        (ATTEMPTS, "test_ten_thousand_guesses_by_one_device_are_ten"),
        (ATTEMPTS, "test_how_long_a_wrong_code_takes_tells_nothing"),
        reason="no Redis is asked, so none can be wiped: failures are rows in PostgreSQL",
    ),
    case(
        37,
        "PINs guessed, devices revoked, cookies stolen",
        (CLERKS, "test_five_wrong_pins_lock_this_clerk_at_this_device_and_nobody_else"),
        (CLERKS, "test_many_pins_at_once_are_counted_each"),
        (CLERKS, "test_a_browser_that_is_not_paired_costs_nobody_an_attempt"),
        (DEVICES, "test_a_revoked_device_opens_nothing_after_five_seconds"),
        (DEVICES, "test_a_stolen_ride_from_another_site_goes_nowhere"),
    ),
    case(
        38,
        "fields that are not asked for; every string an injection; documents made from the document",
        (FUZZ, "test_fields_that_nobody_asked_for_are_refused_everywhere"),
        (FUZZ, "test_no_text_of_a_caller_ever_becomes_a_statement"),
        ("service/api/test_openapi.py", "test_what_the_document_allows_is_understood"),
        ("service/api/test_openapi.py", "test_what_the_document_forbids_is_refused"),
    ),
    case(
        39,
        "bodies too big, packed, deep; 500 connections that drip; 1 000 requests down one line",
        (ABUSE, "test_five_hundred_who_drip_are_hung_up_on_while_others_are_served"),
        (ABUSE, "test_many_connections_that_say_nothing_leave_room_for_others", "test_what_is_too_much_is_refused"),
        ("service/api/test_app.py", "test_two_megabytes_are_too_many", "test_two_megabytes_in_pieces_are_too_many"),
        ("service/api/test_app.py", "test_a_packed_bomb_is_not_unpacked"),
        ("service/api/test_app.py", "test_a_body_that_does_not_come_is_given_up"),
        ("service/api/test_app.py", "test_a_thousand_requests_down_one_line_are_answered_in_order"),
    ),
    case(
        40,
        "names, addresses and codes searched for in everything that is left behind; forgetting and erasing",
        ("workers/test_canary.py", "test_the_canary_is_heard_nowhere"),
        ("service/test_privacy.py", "test_after_thirty_days_nothing_personal_is_in_a_dump"),
        ("service/test_privacy.py", "test_who_asks_is_forgotten_at_once_and_others_are_not"),
        ("service/api/test_canonical_log.py", "test_nothing_personal_reaches_the_log"),
        (WORKER, "test_it_tells_what_happened_and_stops_in_order"),
    ),
    # And beyond
    case(
        41,
        "more than it can do, ten times, for a minute",
        (RUSH, "test_beyond_its_capacity_it_serves_as_before_and_refuses_the_rest_at_once"),
    ),
    case(
        42,
        "every promise broken on purpose",
        (CHECKS, "test_tampering_is_found_and_named", "test_what_the_schema_guards_is_found_without_it_too"),
        (CHECKS, "test_every_promise_was_seen_to_be_broken"),
    ),
    case(
        43,
        "whatever can be typed, sent or imported, into every field, address and header, by the thousand",
        (FUZZ, "test_any_file_is_read_or_refused", "test_any_line_is_read_or_told", "test_any_key_is_read_or_none"),
        (FUZZ, "test_any_code_and_token_is_read_or_none", "test_any_signature_is_refused"),
        (FUZZ, "test_thousands_of_documents_and_what_they_lead_to"),
        (FORMS, "test_whatever_is_typed_into_a_form_is_taken_or_refused", "test_a_form_that_is_none_is_refused"),
        (FORMS, "test_whatever_an_address_asks_for_is_a_page_or_a_refusal"),
        (FORMS, "test_whatever_a_header_says_is_heard_or_refused"),
        ("service/test_any_life.py", "test_any_life_adds_up"),
    ),
    case(44, "the judge of histories is judged", ("ordeal/test_linear.py", "test_whatever_did_happen_is_explained")),
)
