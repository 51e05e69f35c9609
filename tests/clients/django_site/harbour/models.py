"""The harbour city's tables, which others made."""

from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.db import models


class Ward(models.Model):
    ward_id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=40)
    area = models.DecimalField(max_digits=6, decimal_places=2)
    zips = ArrayField(models.TextField())
    facts = models.JSONField()

    class Meta:
        managed = False
        db_table = "wards"


class Person(models.Model):
    person_id = models.AutoField(primary_key=True)
    name = models.TextField()
    email = models.CharField(max_length=80, null=True)
    born = models.DateField(null=True)
    ward = models.ForeignKey(Ward, models.DO_NOTHING, null=True, related_name="people")
    rent = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    hobbies = ArrayField(models.TextField(), null=True)
    prefs = models.JSONField(null=True)
    active = models.BooleanField(default=True)
    standing = models.TextField(null=True)
    homeland = models.CharField(max_length=60, null=True)
    residence = DateRangeField(null=True)
    papers = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "people"


class Ticket(models.Model):
    ticket_id = models.AutoField(primary_key=True)
    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="tickets")
    topic = models.TextField()
    state = models.TextField(default="open")
    opened = models.DateTimeField()
    labels = ArrayField(models.TextField(), null=True)
    cost = models.DecimalField(max_digits=8, decimal_places=2, null=True)

    class Meta:
        managed = False
        db_table = "tickets"


class Note(models.Model):
    note_id = models.AutoField(primary_key=True)
    ward = models.ForeignKey(Ward, models.DO_NOTHING, null=True)
    title = models.TextField(unique=True)
    votes = models.IntegerField(default=0)
    at = models.DateTimeField(null=True)
    extra = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "notes"
