{{ config(materialized='table', indexes=[{'columns': ['ward_id'], 'unique': true}]) }}
select p.ward_id, count(distinct p.person_id) as people, count(t.ticket_id) as tickets
from {{ ref('stg_people') }} p left join {{ ref('stg_tickets') }} t using (person_id) group by 1
