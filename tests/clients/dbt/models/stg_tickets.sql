select ticket_id, person_id, topic, state, opened, cost from {{ source('city', 'tickets') }}
