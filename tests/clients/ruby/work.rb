# What Active Record, Rails' ORM, is driven through: `ruby work.rb NAME`; prints what it got as JSON.
require 'active_record'
require 'json'

e = ENV
ActiveRecord::Base.establish_connection(adapter: 'postgresql', host: e['PGHOST'], port: e['PGPORT'], username: e['PGUSER'],
                                        password: e['PGPASSWORD'], database: e['PGDATABASE'], pool: 2)

class Ward < ActiveRecord::Base
  self.primary_key = 'ward_id'
  has_many :people, -> { order(:person_id) }
end

class Person < ActiveRecord::Base
  self.table_name = 'people'
  self.primary_key = 'person_id'
  belongs_to :ward
  has_many :tickets, -> { order(:ticket_id) }
end

class Ticket < ActiveRecord::Base
  self.primary_key = 'ticket_id'
  belongs_to :person
end

class Note < ActiveRecord::Base
  self.primary_key = 'note_id'
end

def orm
  out = [Person.order(:person_id).limit(5).map(&:attributes)]
  out << Person.includes(:ward, :tickets).where(ward_id: [1, 2]).order(:person_id).map { |p| [p.attributes, p.ward.name, p.tickets.map(&:id)] }
  out << Person.eager_load(:ward).where(wards: { ward_id: 3 }).order(:person_id).limit(4).map(&:attributes)
  out << Person.joins(:tickets).where(tickets: { state: 'open' }).group('people.ward_id').order('people.ward_id').count
  out << [Person.find(3).homeland, Person.find_by(name: 'Person 9').attributes, Person.count, Person.maximum(:person_id), Person.pluck(:person_id, :standing).sort]
  out << Person.find_each(batch_size: 13).map(&:id)
  Person.transaction do
    n = Note.create!(note_id: 1, title: 'rails', extra: { a: 1 })
    n.update!(votes: 3)
    out << Note.insert_all([{ note_id: 2, title: 'b' }, { note_id: 3, title: 'c' }]).rows
    out << Note.upsert_all([{ note_id: 2, title: 'b', votes: 7 }], unique_by: :note_id).rows
    pe = Person.find(7)
    pe.update!(name: 'Renamed')
    out << pe.reload.attributes << Person.lock.find(8).name << Note.delete_all
    begin
      Person.transaction(requires_new: true) { Ward.create!(ward_id: 1, name: 'x') }
    rescue ActiveRecord::RecordNotUnique => e
      out << e.message
    end
    raise ActiveRecord::Rollback
  end
  out << Note.count
end

def schema
  c = ActiveRecord::Base.connection
  out = [c.tables.sort, c.views.sort, c.data_sources.sort, c.schema_names.sort, c.extensions.sort]
  %w[people tickets wards samples port.berths].each do |t|
    out << c.columns(t).map { |x| [x.name, x.sql_type, x.null, x.default, x.comment] } << c.indexes(t).map(&:to_s).size << c.primary_keys(t)
    out << c.indexes(t).map { |x| [x.name, x.columns, x.unique] }.sort_by(&:first) << c.foreign_keys(t).map(&:to_table)
  end
  out << c.current_database.size.positive? << c.encoding << c.collation << c.table_comment('wards')
end

def refusals
  asks = [-> { Person.where(homeland: 'Land 1').to_a }, -> { Person.order(:points).first }, -> { Person.group(:standing).count }]
  asks.map do |ask|
    ask.call
  rescue ActiveRecord::StatementInvalid => e
    [e.cause.result.error_field(PG::Result::PG_DIAG_SQLSTATE), Person.count]
  end
end

puts JSON.generate(send(ARGV[0]))
