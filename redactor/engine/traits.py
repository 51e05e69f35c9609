"""What PostgreSQL's own functions do with the order of the rows they are given, and in how many ways they can fail.

Knows names alone; must not know statements, nor who asks. A name that stands in none of these lists is one of which
nothing is known: who reads them errs on the side of what is stricter.
"""

from __future__ import annotations

KEEPING = frozenset(
    {
        *("array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "xmlagg"),
        *("json_agg_strict", "jsonb_agg_strict", "jsonb_object_agg_strict", "jsonb_object_agg_unique"),
        "jsonb_object_agg_unique_strict",
        *("json_object_agg_strict", "json_object_agg_unique", "json_object_agg_unique_strict"),
    }
)
"""Aggregates whose result shows the order of their input."""
PICKING = frozenset({"first_value", "last_value", "nth_value"})
NUMBERING = frozenset({"row_number", "lag", "lead", "ntile"})
ARRANGING = KEEPING | PICKING | NUMBERING
"""Functions whose result shows the order of rows, as aggregates or in windows."""
ROWWISE = NUMBERING | {"first_value"}
TELLING = frozenset(
    {
        *("nextval", "setval", "currval", "lastval", "pg_notify", "random", "random_normal", "setseed", "set_config"),
        "pg_export_snapshot",
        *("array_sample", "array_shuffle", "clock_timestamp", "timeofday", "uuidv7", "pg_advisory_lock"),
        *("pg_advisory_lock_shared", "pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_xact_lock"),
        *("pg_advisory_xact_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared"),
        *("pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared"),
    }
)
"""Functions that give, or leave behind, something else each time."""
TOTAL = frozenset(
    {
        *("lower", "upper", "initcap", "length", "char_length", "octet_length", "btrim", "ltrim", "rtrim", "concat"),
        *("concat_ws", "left", "right", "replace", "reverse", "translate", "strpos", "position", "md5"),
        *("starts_with", "quote_literal", "quote_ident", "now", "transaction_timestamp", "statement_timestamp"),
        *("count", "min", "max", "bool_and", "bool_or", "every", "array_agg", "cardinality", "array_length"),
        *("array_append", "array_remove", "generate_series", "unnest", "gen_random_uuid", "uuidv4"),
        *("to_json", "to_jsonb", "jsonb_build_object", "json_build_object", "row_to_json", "row_number", "isfinite"),
        *("lag", "lead", "first_value", "last_value", "rank", "dense_rank", "string_agg", "merge_action"),
    }
)
"""Functions that cannot fail for some values of their arguments and not for others."""
PARTIAL = frozenset(
    {
        *("sum", "avg", "abs", "round", "trunc", "floor", "ceil", "ceiling", "date_trunc", "extract", "date_part"),
        *("to_char", "make_interval", "age", "repeat", "lpad", "rpad", "overlay", "substring", "substr", "split_part"),
    }
)
"""Functions that fail in one way only, whose text tells of no value."""
COMPARING = frozenset(
    {
        *("=", "<>", "!=", "<", "<=", ">", ">=", "||", "~~", "!~~", "~~*", "!~~*", "@>", "<@", "&&", "->", "->>"),
        *("#>", "#>>", "?", "?|", "?&", "-|-"),
    }
)
COMPUTING = frozenset({"+", "-", "*"})
DIVIDING = frozenset({"/", "%"})
MATCHING = frozenset({"~", "!~", "~*", "!~*", "similar to"})
COUNTING_TIES = frozenset(
    {
        *("array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "xmlagg"),
        *("last_value", "nth_value"),
    }
)
ALIKE = frozenset(
    {"rank", "dense_rank", "percent_rank", "cume_dist", "row_number", "ntile", "lag", "lead", "first_value"}
)
"""Window functions that look at no frame, or are given an order by engine/ordering.py."""
ROUNDING = frozenset({"sum", "avg", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"})
"""Aggregates that round where their input is floating-point, and so depend on its order."""
FLOATING = frozenset(
    {
        *("corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_intercept", "regr_r2", "regr_slope"),
        *("regr_sxx", "regr_sxy", "regr_syy"),
    }
)
EXACT_CALLS = frozenset({"length", "char_length", "octet_length", "cardinality", "array_length", "abs", "count"})
