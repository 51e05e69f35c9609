# ruff: noqa: RUF012  (Django says so)
from django.db import migrations, models


def fill(apps, editor):
    plants = apps.get_model("garden", "Plant").objects
    plants.create(name="Rose", height=3)
    plants.create(name="Fern", remark="shady")


def empty(apps, editor):
    apps.get_model("garden", "Plant").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("garden", "0001_initial")]
    operations = [
        migrations.AddField("Plant", "remark", models.TextField(null=True)),
        migrations.AlterField("Plant", "height", models.IntegerField(default=1, db_index=True)),
        migrations.RunPython(fill, empty),
        migrations.AddConstraint(
            "Plant", models.CheckConstraint(condition=models.Q(height__gt=0), name="plant_height")
        ),
    ]
