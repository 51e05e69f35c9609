{{ config(materialized='incremental', unique_key='ticket_id', incremental_strategy='merge') }}
select ticket_id, topic, cost from {{ ref('stg_tickets') }}
