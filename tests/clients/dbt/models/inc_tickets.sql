{{ config(materialized='incremental', unique_key='ticket_id', incremental_strategy='delete+insert', on_schema_change='append_new_columns') }}
select ticket_id, topic, opened, cost from {{ ref('stg_tickets') }}
{% if is_incremental() %} where opened > (select max(opened) - interval '3 days' from {{ this }}) {% endif %}
