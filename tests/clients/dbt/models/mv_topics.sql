{{ config(materialized='materialized_view') }}
select topic, count(*) as n from {{ source('city', 'tickets') }} group by 1
