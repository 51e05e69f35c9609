{{ config(materialized='table', post_hook="comment on table {{ this }} is 'labels'") }}
select e.topic, e.label, count(*) as n from {{ ref('eph') }} e join {{ ref('stg_tickets') }} t on t.topic::text = e.topic group by 1, 2
