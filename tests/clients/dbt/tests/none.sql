select * from {{ ref('stg_people') }} where person_id < 0
