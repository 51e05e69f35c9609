select person_id, name, ward_id, born, active from {{ source('city', 'people') }}
