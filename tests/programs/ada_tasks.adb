--  Ada tasks: rendezvous, protected objects, select with delay, abort, terminate.
--  vervet-needs: gnat
with Ada.Text_IO; use Ada.Text_IO;

procedure Ada_Tasks is
   protected Counter is
      procedure Add;
      entry Wait_For_Full;
   private
      Count : Natural := 0;
   end Counter;

   protected body Counter is
      procedure Add is
      begin
         Count := Count + 1;
      end Add;
      entry Wait_For_Full when Count = 400 is
      begin
         Put_Line ("counted" & Count'Image);
      end Wait_For_Full;
   end Counter;

   task type Worker;
   task body Worker is
   begin
      for I in 1 .. 100 loop
         Counter.Add;
         if I mod 25 = 0 then
            delay 0.001;
         end if;
      end loop;
   end Worker;

   task Echo is
      entry Say (N : in out Integer);
   end Echo;
   task body Echo is
   begin
      loop
         select
            accept Say (N : in out Integer) do
               N := N * 2;
            end Say;
         or
            terminate;
         end select;
      end loop;
   end Echo;

   task Sleeper;
   task body Sleeper is
   begin
      delay 1000.0;
      Put_Line ("never");
   end Sleeper;

   Workers : array (1 .. 4) of Worker;
   pragma Unreferenced (Workers);
   N : Integer := 1;
begin
   Counter.Wait_For_Full;
   for I in 1 .. 10 loop
      Echo.Say (N);
   end loop;
   Put_Line ("rendezvous" & N'Image);
   select
      delay 0.01;
      Put_Line ("delay first");
   then abort
      delay 100.0;
   end select;
   abort Sleeper;
   Put_Line ("aborted");
end Ada_Tasks;
