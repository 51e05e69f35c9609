{{ config(materialized='ephemeral') }}
select * from {{ ref('seed_topics') }}
