"""Which functions a user's SQL may call: lists of names that are allowed, never of names that are forbidden (ADR 0006).

Left out on purpose: everything that reads files, settings, the catalog or another query's text (`read_*`, `glob`,
`query`,
`current_setting`, `getvariable`, `json_execute_serialized_sql`), that tells of hidden rows (`stats`), that writes
(`nextval`, `setseed`, `write_log`), that waits (`sleep_ms`), and that calls a function named by a string
(`list_aggregate`).
"""


def names(text: str) -> frozenset[str]:
    """Words separated by blanks and line ends."""
    return frozenset(text.split())


OPERATORS = names("+ - * / // % ** ^ & | << >> ~ @ || !~~ !~~* ~~ ~~* ~~~ ^@ -> ->> && @> <@ !__postfix")

TEXT = names("""
    ascii bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein editdist3 ends_with
    format greatest hamming hex unhex to_hex from_hex ilike_escape instr jaccard jaro_similarity jaro_winkler_similarity
    lcase least left left_grapheme len length length_grapheme levenshtein like_escape lower lpad ltrim md5 nfc_normalize
    not_ilike_escape not_like_escape octet_length ord position prefix printf regexp_escape regexp_extract
    regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array repeat replace reverse
    right
    right_grapheme rpad rtrim sha1 sha256 split split_part starts_with str_split str_split_regex string_split
    string_split_regex string_to_array strip_accents strlen strpos substr substring substring_grapheme suffix translate
    trim ucase unicode upper encode decode base64 to_base64 from_base64 hash
""")

NUMBERS = names("""
    abs acos acosh add asin asinh atan atan2 atanh bin bit_count cbrt ceil ceiling cos cosh cot degrees divide even exp
    factorial fdiv fmod floor gamma gcd greatest_common_divisor isfinite isinf isnan lcm least_common_multiple lgamma ln
    log log10 log2 mod multiply nextafter pi pow power radians round round_even roundbankers sign signbit sin sinh sqrt
    subtract tan tanh to_base trunc xor equi_width_bins
""")

TIME = names("""
    age century current_date current_localtime current_localtimestamp date_add date_diff date_part date_sub date_trunc
    datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms
    epoch_ns epoch_us era get_current_time get_current_timestamp hour isodow isoyear julian last_day make_date make_time
    make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz microsecond millennium millisecond minute month
    monthname nanosecond normalized_interval now quarter second strftime strptime time_bucket timezone timezone_hour
    timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes
    to_months to_quarters to_seconds to_timestamp to_weeks to_years today transaction_timestamp try_strptime week
    weekday
    weekofyear year yearweek
""")

NESTED = names("""
    apply array_append array_apply array_cat array_concat array_contains array_distinct array_extract array_filter
    array_has array_has_all array_has_any array_indexof array_intersect array_length array_pop_back array_pop_front
    array_position array_prepend array_push_back array_push_front array_reduce array_resize array_reverse
    array_reverse_sort array_select array_slice array_sort array_to_string array_transform array_unique array_value
    array_where array_zip cardinality element_at filter flatten list_any_value list_append list_apply list_avg
    list_bool_and list_bool_or list_cat list_concat list_contains list_count list_distinct list_element list_extract
    list_filter list_first list_grade_up list_has list_has_all list_has_any list_indexof list_intersect list_last
    list_max list_median list_min list_mode list_pack list_position list_prepend list_product list_reduce list_resize
    list_reverse list_reverse_sort list_select list_slice list_sort list_stddev_pop list_stddev_samp list_string_agg
    list_sum list_transform list_unique list_value list_var_pop list_var_samp list_where list_zip map map_concat
    map_contains map_entries map_extract map_extract_value map_from_entries map_keys map_values reduce row struct_concat
    struct_contains struct_extract struct_extract_at struct_has struct_insert struct_keys struct_pack struct_position
    struct_update struct_values unnest
""")

JSON = names("""
    json json_array json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text
    json_extract_string json_keys json_object json_pretty json_quote json_structure json_type json_valid json_value
    row_to_json to_json from_json from_json_strict json_transform json_transform_strict
""")

CONDITIONAL = names("coalesce if ifnull nullif typeof random uuid gen_random_uuid uuidv4 uuidv7")

AGGREGATES = names("""
    any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last
    arg_min
    arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count
    count_if count_star countif covar_pop covar_samp entropy favg first fsum geomean geometric_mean group_concat
    histogram
    json_group_array json_group_object kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by mean median min
    min_by mode product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2
    regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg sum
    sumkahan var_pop var_samp variance wavg weighted_avg percentile_cont percentile_disc
""")

WINDOWS = names("""
    row_number rank dense_rank rank_dense percent_rank cume_dist ntile lag lead first_value first last_value last
    nth_value fill
""")

INEXACT = names("approx_count_distinct approx_quantile approx_top_k reservoir_quantile random")
"""Their answers depend on chance or on rows that are not given. Not granted on tables of which a part is given."""

CALLABLE = OPERATORS | TEXT | NUMBERS | TIME | NESTED | JSON | CONDITIONAL | AGGREGATES
"""What may stand in an expression."""

TABLE_FUNCTIONS = names("generate_series range unnest")
"""What may stand in FROM. They make rows out of their arguments and read nothing."""
